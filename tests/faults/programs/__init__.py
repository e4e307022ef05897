"""What runs inside a host whose apt is disturbed."""
