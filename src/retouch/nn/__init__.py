"""Network layers that two or more tasks share."""
