"""Many runs: a sweep over values, the doses that kill, and the verdict on what limits recovery; in local processes."""
