"""The organism, well mixed: blood, hormones and lymphoid tissue."""
