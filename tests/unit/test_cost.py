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


def price_rows():
    """The page's table of prices: the dollars of each row, AWS's page, and what they were compared with."""
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.split("## Prices")[1].splitlines() if "aws.amazon.com/" in line
    ]
    return [([float(text) for text in re.findall(r"[\d.]+", row[1])], row[2], row[3]) for row in rows]


def test_prices__the_page_has_each_with_what_it_was_compared_with():
    listed = {(source, dollars) for numbers, source, _ in price_rows() for dollars in numbers}
    used = {(price.source, price.dollars * (1000 if name == "s3_put" else 1)) for name, price in cost.PRICES.items()}
    used |= {(cost.MACHINES_SOURCE, machine.dollars) for machine in cost.MACHINES}
    assert listed == used
    assert all(re.search(r"\w\.\w+/\w|To be checked", compared) for _, _, compared in price_rows())
