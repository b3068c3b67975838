"""What SLOs would have alerted on, over past samples."""
