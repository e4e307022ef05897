"""Tests of Tensorwright, and what they need."""
