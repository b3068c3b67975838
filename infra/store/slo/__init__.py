"""What PostgreSQL knows of SLOs."""
