"""What happens on an instance: the kinds of readiness, behind ``Condition``."""
