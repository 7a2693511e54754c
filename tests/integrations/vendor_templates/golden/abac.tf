# Roles of Northwind Insights in its own AWS account 111111111111: chain abac, catalogue 1.0.0.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_iam_role" "worker" {
  name        = "worker"
  path        = "/rolebridge/"
  description = "Rolebridge's worker process"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "Service" = "ecs-tasks.amazonaws.com"
        }
        "Action" = "sts:AssumeRole"
      },
    ]
  })
}

resource "aws_iam_role_policy" "worker" {
  name = "rolebridge"
  role = aws_iam_role.worker.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = [
          "arn:aws:iam::111111111111:role/rolebridge/components/*",
          "arn:aws:iam::111111111111:role/rolebridge/canary",
          "arn:aws:iam::111111111111:role/rolebridge/forger",
        ]
      },
      {
        "Sid"    = "ReadOwnRoles"
        "Effect" = "Allow"
        "Action" = [
          "iam:GetRole",
          "iam:GetRolePolicy",
          "iam:ListAttachedRolePolicies",
          "iam:ListRolePolicies",
        ]
        "Resource" = [
          "arn:aws:iam::111111111111:role/rolebridge/*",
          "arn:aws:iam::111111111111:role/rolebridge-control/*",
        ]
      },
    ]
  })
}

resource "aws_iam_role" "compute_analysis" {
  name        = "compute-analysis"
  path        = "/rolebridge/components/"
  description = "Component role of compute-analysis"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerOnly"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
              "Purpose",
              "Component",
            ]
          }
        }
      },
    ]
  })

  tags = {
    "Product"   = "northwind"
    "Purpose"   = "component"
    "Component" = "compute-analysis"
  }

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "compute_analysis" {
  name = "rolebridge"
  role = aws_iam_role.compute_analysis.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = "arn:aws:iam::111111111111:role/rolebridge/integration"
      },
    ]
  })
}

resource "aws_iam_role" "log_analysis" {
  name        = "log-analysis"
  path        = "/rolebridge/components/"
  description = "Component role of log-analysis"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerOnly"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
              "Purpose",
              "Component",
            ]
          }
        }
      },
    ]
  })

  tags = {
    "Product"   = "northwind"
    "Purpose"   = "component"
    "Component" = "log-analysis"
  }

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "log_analysis" {
  name = "rolebridge"
  role = aws_iam_role.log_analysis.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = "arn:aws:iam::111111111111:role/rolebridge/integration"
      },
    ]
  })
}

resource "aws_iam_role" "trust_test" {
  name        = "trust-test"
  path        = "/rolebridge/components/"
  description = "Component role of trust-test"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerOnly"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
              "Purpose",
              "Component",
            ]
          }
        }
      },
    ]
  })

  tags = {
    "Product"   = "northwind"
    "Purpose"   = "trust-test"
    "Component" = "trust-test"
  }

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "trust_test" {
  name = "rolebridge"
  role = aws_iam_role.trust_test.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = "arn:aws:iam::111111111111:role/rolebridge/integration"
      },
    ]
  })
}

resource "aws_iam_role" "canary" {
  name        = "canary"
  path        = "/rolebridge/"
  description = "Tries customer roles that must refuse it"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerOnly"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
              "Purpose",
              "Component",
            ]
          }
        }
      },
    ]
  })

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "canary" {
  name = "rolebridge"
  role = aws_iam_role.canary.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"   = "Allow"
        "Action"   = "sts:AssumeRole"
        "Resource" = "arn:aws:iam::*:role/*"
      },
      {
        "Sid"    = "NeverOurOwnRoles"
        "Effect" = "Deny"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "NotResource" = [
          "arn:aws:iam::111111111111:role/rolebridge-control/open-door",
          "arn:aws:iam::111111111111:role/rolebridge-control/stand-in",
        ]
        "Condition" = {
          "StringEquals" = {
            "aws:ResourceAccount" = "111111111111"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role" "open_door" {
  name        = "open-door"
  path        = "/rolebridge-control/"
  description = "May be entered by every role of this account, and may do nothing"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:root"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
    ]
  })
}

resource "aws_iam_role" "integration" {
  name        = "integration"
  path        = "/rolebridge/"
  description = "The one role that customers trust"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "TaggedComponentRoles"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:root"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "StringEquals" = {
            "aws:PrincipalTag/Product" = "northwind"
            "aws:RequestTag/Purpose"   = "$${aws:PrincipalTag/Purpose}"
            "aws:RequestTag/Component" = "$${aws:PrincipalTag/Component}"
          }
          "ArnLike" = {
            "aws:PrincipalArn" = "arn:aws:iam::111111111111:role/rolebridge/components/*"
          }
        }
      },
      {
        "Sid"    = "PassSourceIdentity"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:root"
        }
        "Action" = "sts:SetSourceIdentity"
        "Condition" = {
          "StringEquals" = {
            "aws:PrincipalTag/Product" = "northwind"
          }
          "ArnLike" = {
            "aws:PrincipalArn" = "arn:aws:iam::111111111111:role/rolebridge/components/*"
          }
        }
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
            ]
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "integration" {
  name = "rolebridge"
  role = aws_iam_role.integration.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"      = "ComponentSessions"
        "Effect"   = "Allow"
        "Action"   = "sts:AssumeRole"
        "Resource" = "arn:aws:iam::*:role/*"
        "Condition" = {
          "StringEquals" = {
            "aws:PrincipalTag/Purpose" = "component"
            "iam:ResourceTag/Product"  = "northwind"
            "sts:ExternalId"           = "$${aws:PrincipalTag/ExternalId}"
          }
        }
      },
      {
        "Sid"      = "TrustTestSessions"
        "Effect"   = "Allow"
        "Action"   = "sts:AssumeRole"
        "Resource" = "arn:aws:iam::*:role/*"
        "Condition" = {
          "StringEquals" = {
            "aws:PrincipalTag/Purpose" = "trust-test"
          }
        }
      },
      {
        "Sid"    = "PassSessionContext"
        "Effect" = "Allow"
        "Action" = [
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = "arn:aws:iam::*:role/*"
      },
      {
        "Sid"    = "NeverOurOwnRoles"
        "Effect" = "Deny"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "NotResource" = [
          "arn:aws:iam::111111111111:role/rolebridge-control/open-door",
          "arn:aws:iam::111111111111:role/rolebridge-control/stand-in",
        ]
        "Condition" = {
          "StringEquals" = {
            "aws:ResourceAccount" = "111111111111"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role" "untagged" {
  name        = "untagged"
  path        = "/rolebridge/components/"
  description = "Lacks the product tag, so it must not become the integration role; tried by the vendor doctor"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerOnly"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
      {
        "Sid"    = "NoForgedTags"
        "Effect" = "Deny"
        "Principal" = {
          "AWS" = "*"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:TagSession",
        ]
        "Condition" = {
          "ForAnyValue:StringEqualsIgnoreCase" = {
            "aws:TagKeys" = [
              "Product",
              "Purpose",
              "Component",
            ]
          }
        }
      },
    ]
  })

  tags = {
    "Purpose"   = "component"
    "Component" = "untagged"
  }

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "untagged" {
  name = "rolebridge"
  role = aws_iam_role.untagged.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = [
          "arn:aws:iam::111111111111:role/rolebridge/integration",
          "arn:aws:iam::111111111111:role/rolebridge-control/open-door",
        ]
      },
    ]
  })
}

resource "aws_iam_role" "forger" {
  name        = "forger"
  path        = "/rolebridge/"
  description = "Lets its sessions bring any tag, so it must not become the integration role; tried by the vendor doctor"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "WorkerWithAnyTag"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:role/rolebridge/worker"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
      },
    ]
  })

  depends_on = [aws_iam_role.worker]
}

resource "aws_iam_role_policy" "forger" {
  name = "rolebridge"
  role = aws_iam_role.forger.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Resource" = [
          "arn:aws:iam::111111111111:role/rolebridge/integration",
          "arn:aws:iam::111111111111:role/rolebridge-control/open-door",
        ]
      },
    ]
  })
}

resource "aws_iam_role" "stand_in" {
  name        = "stand-in"
  path        = "/rolebridge-control/"
  description = "Stands for a customer role when the vendor doctor tries the chain, and may do nothing"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Sid"    = "AnyExternalId"
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::111111111111:root"
        }
        "Action" = [
          "sts:AssumeRole",
          "sts:SetSourceIdentity",
          "sts:TagSession",
        ]
        "Condition" = {
          "ArnLike" = {
            "aws:PrincipalArn" = "arn:aws:iam::111111111111:role/rolebridge/integration"
          }
        }
      },
    ]
  })

  tags = {
    "Product" = "northwind"
  }
}

output "integration_role_arn" {
  description = "The one role that customers trust"
  value       = aws_iam_role.integration.arn
}

output "integration_role_id" {
  description = "Its unique id, which changes when it is made anew"
  value       = aws_iam_role.integration.unique_id
}
