import pytest

from tidegraph.cli.spelling import as_options


@pytest.mark.parametrize(
    ("sentence", "spelt"),
    [
        ("leave them out with missing='drop'.", "leave them out with --missing drop."),
        ("Say header=True or header=False.", "Say --header or --no-header."),
        ("name it with item_features=, or", "name it with --item-features, or"),
        (
            "Say names=['user', 'item'], or user=1.",
            "Say --names user,item, or --user 1.",
        ),
        (
            "no times are time=None (time_unit=)",
            "no times are --time none (--time-unit)",
        ),
    ],
)
def test_settings_of_the_log_are_options_on_the_command_line(sentence, spelt):
    assert as_options(sentence) == spelt


@pytest.mark.parametrize(
    "sentence", ["column 'item' holds 'item=3'", "?user=7&item=3", "pass train=", "a=b"]
)
def test_what_is_no_setting_of_the_log_stays_as_it_is(sentence):
    assert as_options(sentence) == sentence
