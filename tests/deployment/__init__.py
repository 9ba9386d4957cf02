"""docker-compose.yml without Docker: read as compose reads it, checked, and run in namespaces of the kernel."""
