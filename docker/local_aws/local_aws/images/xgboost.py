"""Entry point of the built-in XGBoost: ``python -m local_aws.images.xgboost train`` or ``serve``."""

import sys

if __name__ == "__main__":
    # The library imports scikit-learn if it can, which algorithm mode does not use and which takes most of the start.
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    from local_aws.images.algorithm import main

    sys.exit(main(sys.argv))
