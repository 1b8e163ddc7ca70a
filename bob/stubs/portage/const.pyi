SUPPORTED_FEATURES: frozenset[str]
