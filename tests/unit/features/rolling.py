"""The handbook's features as it formulates them: pandas rolling windows per card and per terminal.

Chapter 3, "Baseline feature transformation"; the terminal windows are differences of two windows that both end at the
transaction, and everything is a float.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def rolling_features(data: pd.DataFrame) -> pd.DataFrame:
    """Return the fourteen features of handbook data, in the handbook's columns, by ``TRANSACTION_ID``."""
    data = data.set_index("TRANSACTION_ID")
    out = pd.DataFrame(index=data.index)
    out["TX_DURING_WEEKEND"] = (data["TX_DATETIME"].dt.weekday >= 5).astype(int)
    out["TX_DURING_NIGHT"] = (data["TX_DATETIME"].dt.hour <= 6).astype(int)
    cards = pd.concat(_card(group) for _, group in data.groupby("CUSTOMER_ID"))
    terminals = pd.concat(_terminal(group) for _, group in data.groupby("TERMINAL_ID"))
    return out.join(cards).join(terminals)


def _card(group: pd.DataFrame) -> pd.DataFrame:
    group = group.sort_values("TX_DATETIME", kind="stable")
    amounts = group.set_index("TX_DATETIME")["TX_AMOUNT"]
    out = pd.DataFrame(index=group.index)
    for days in (1, 7, 30):
        window = amounts.rolling(f"{days}d")
        out[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"] = window.count().to_numpy()
        out[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"] = (window.sum() / window.count()).to_numpy()
    return out


def _terminal(group: pd.DataFrame) -> pd.DataFrame:
    group = group.sort_values("TX_DATETIME", kind="stable")
    frauds = group.set_index("TX_DATETIME")["TX_FRAUD"]
    out = pd.DataFrame(index=group.index)
    delayed = frauds.rolling("7d")
    for days in (1, 7, 30):
        both = frauds.rolling(f"{7 + days}d")
        count = (both.count() - delayed.count()).to_numpy()
        out[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = count
        frauds_of_window = (both.sum() - delayed.sum()).to_numpy()
        out[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = np.divide(
            frauds_of_window, count, out=np.zeros_like(count), where=count > 0
        )
    return out
