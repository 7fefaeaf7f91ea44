"""The cost calculator: its table adds up, grows with cards, and says what the page says."""

import re
from pathlib import Path

import pytest

from fraud import cost
from fraud.errors import ConfigurationError

PAGE = (Path(__file__).parents[2] / "docs" / "cost.md").read_text()
SIZES = (5_000, 1_000_000, 50_000_000)


@pytest.mark.parametrize("cards", SIZES)
def test_estimate__the_page_has_its_totals(cards):
    made = cost.estimate(cards)
    assert f"**{made.month:,.0f}**" in PAGE
    assert f"**{made.month / cost.DAYS:,.2f}**" in PAGE
    assert f"{made.transactions:,.0f}" in PAGE


def test_estimate__the_table_adds_up_and_shows_the_dearest_first():
    made = cost.estimate(1_000_000)
    shown = [float(re.search(r"([\d,]+)$", line)[1].replace(",", "")) for line in made.lines()[2:-1]]
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) == pytest.approx(made.month, abs=len(shown))


def test_estimate__more_cards_never_cost_less():
    months = [cost.estimate(10**power).month for power in range(3, 8)]
    assert months == sorted(months)


def test_features__from_the_break_even_on_spark_is_the_cheaper():
    cards = cost.spark_pays_from()
    below, above = (cost.features_day(n * cost.TRANSACTIONS_PER_CARD)[0][0] for n in (cards - 1, cards))
    assert (below, above) == ("SageMaker features", "EMR Serverless")


def test_endpoint__is_never_one_machine_and_grows_with_the_peak():
    assert cost.endpoint_month(5_000)[0].startswith("2 × ")
    assert cost.endpoint_month(50_000_000)[1] > 10 * cost.endpoint_month(1_000_000)[1]


def test_estimate__a_nat_gateway_is_cheaper_than_endpoints():
    assert cost.estimate(5_000, egress="nat").month < cost.estimate(5_000).month


@pytest.mark.parametrize(("cards", "egress", "said"), [(0, "nat", "--cards 0"), (1, "tunnel", "egress 'tunnel'")])
def test_estimate__what_makes_no_sense_is_refused(cards, egress, said):
    with pytest.raises(ConfigurationError, match=said):
        cost.estimate(cards, egress=egress)


def test_prices__each_names_its_page():
    assert [name for name, price in cost.PRICES.items() if not price.source.startswith("aws.amazon.com/")] == []
    assert [price.source for price in cost.PRICES.values() if price.source not in PAGE] == []
