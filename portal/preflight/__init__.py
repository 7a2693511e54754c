"""What an installation stands on, looked at part by part before it takes traffic: `manage.py preflight`."""
