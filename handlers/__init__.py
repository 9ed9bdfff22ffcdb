"""What the center does when something happens."""
