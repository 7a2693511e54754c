"""CloudFormation, by the sandbox itself: moto ignores half of a role and gives stacks more rights than their caller."""
