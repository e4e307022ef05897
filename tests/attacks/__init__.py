"""Attacks of an ordinary user on what root does on a host; each has to lose."""
