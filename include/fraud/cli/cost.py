"""``fraud cost``: what a deployment costs a month, by number of cards."""

from typing import Annotated

import typer


def cost(
    cards: Annotated[int, typer.Option(help="Customers whose cards are watched.")] = 5_000,
    egress: Annotated[str, typer.Option(help="The network's way out: 'endpoints' or 'nat'.")] = "endpoints",
) -> None:
    """Estimate what a deployment costs on AWS; docs/cost.md says from what."""
    from fraud.cost import PRICES_OF, endpoint_month, estimate, spark_pays_from

    print("\n".join(estimate(cards, egress=egress).lines()))
    words, dollars = endpoint_month(cards)
    print(f"\nScoring each transaction as it happens instead of the transform: {words}, ${dollars:,.0f} a month.")
    print(f"Features on Spark pay from about {spark_pays_from() / 1e6:.1f} million cards.")
    print(f"Prices: {PRICES_OF}.")
