"""A local AWS that enforces IAM: policy evaluation in front of moto, in one process. It is not AWS.

Imports nothing else of the project. `docs/sandbox.md` says how to use it.
"""
