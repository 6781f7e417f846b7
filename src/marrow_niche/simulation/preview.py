"""A scenario told back in English before it runs."""


def describe(scenario):
    return ""
