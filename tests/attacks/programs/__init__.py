"""What runs inside the attacked host: root's work with the product, and the attacker beside it."""
