"""What people are told of a running node: alerts, and a screen."""
