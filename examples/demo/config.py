"""What the report looks like."""

GREETING = "Good morning! Today's words:"
LIMIT = 3
