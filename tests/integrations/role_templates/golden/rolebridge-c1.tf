# Northwind Insights: access to AWS account 222222222222, catalogue 1.0.0.
# Each role can be entered by one role of ours only, and only with the external ID below. The external ID,
# the trusted role, the role names and the path belong together: change them in the portal, not here.
# SHA-256 of the roles as canonical JSON, the same in every format: c3776822580039799ccb93c129e325c15db53c4f84f0145b2f95323bdec8ae66

terraform {
  required_version = ">= 1.2"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 4.9"
    }
  }
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the roles; empty for none."
  type        = string
  default     = ""
}

variable "extra_tags" {
  description = "Tags of the roles, beside ours."
  type        = map(string)
  default     = {}
}

variable "max_session_seconds" {
  description = "How long a session in a role may last; an hour is enough."
  type        = number
  default     = 3600
  validation {
    condition     = var.max_session_seconds >= 3600 && var.max_session_seconds <= 43200
    error_message = "Give 3600 to 43200 seconds."
  }
}

data "aws_caller_identity" "current" {
  lifecycle {
    postcondition {
      condition     = self.account_id == "222222222222"
      error_message = "These roles are for AWS account 222222222222."
    }
  }
}

resource "aws_iam_role" "compute_analysis" {
  name                 = "rolebridge-c1-compute-analysis"
  path                 = "/"
  description          = "Lets Northwind Insights do its Compute analysis"
  max_session_duration = var.max_session_seconds
  permissions_boundary = var.permissions_boundary == "" ? null : var.permissions_boundary
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "AssumeWithExternalId"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/integration"
        }
        "Action" = "sts:AssumeRole"
        "Condition" = {
          "StringEquals" = {
            "sts:ExternalId" = "rb-7Yw0vJk3m9Qp2Xs5Zt8A"
          }
        }
      },
      {
        "Sid"    = "PassSessionContext"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/integration"
        }
        "Action" = [
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
    ]
  })
  tags = merge(var.extra_tags, {
    "Product"              = "northwind"
    "Product-role-version" = "1.0.0"
  })
}

resource "aws_iam_role_policy" "compute_analysis" {
  name = "permissions"
  role = aws_iam_role.compute_analysis.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "ec2:DescribeInstances",
          "rds:DescribeDBInstances",
          "s3:GetLifecycleConfiguration",
        ]
        "Resource" = "*"
      },
    ]
  })
}

output "compute_analysis_role_arn" {
  description = "The role for component compute-analysis."
  value       = aws_iam_role.compute_analysis.arn
}
