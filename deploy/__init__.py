"""Deployment to an AWS account: templates, packaging for MWAA, and the commands behind ``make deploy``."""
