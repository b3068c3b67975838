"""What SLOs would have alerted on over recorded counts."""
