"""What stands before a real Argo as the home engine: rights first, then the project's own account."""
