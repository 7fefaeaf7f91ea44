"""The page's one script and one style sheet: complete, in order, and refused when they cannot be made."""

import doctest
import gzip
import re

import pytest

from .conftest import PLUGINS


def test_files__are_a_script_and_a_style_sheet_of_every_source():
    from fraud_monitor.bundle import files

    made = files()
    assert {name: file.media_type for name, file in made.items()} == {
        "page.js": "text/javascript",
        "page.css": "text/css",
    }
    script = made["page.js"].plain.decode()
    static = PLUGINS / "fraud_monitor" / "static"
    for path in static.rglob("*.js"):
        assert "vendor" in path.parts or f"// {path.relative_to(static)}\n" in script
    assert script.startswith("/*! https://github.com/leeoniya/uPlot")
    assert re.search(r"^(import|export)\b", script, re.MULTILINE) is None
    assert all(gzip.decompress(file.compressed) == file.plain for file in made.values())


def test_modules__run_once_before_those_that_need_them():
    from fraud_monitor.bundle import join_modules

    sources = {
        "app.js": 'import { a } from "./views/a.js";\nimport * as b from "./b.js";\na(b.b);',
        "views/a.js": 'import {\n  b as other,\n} from "../b.js";\nexport async function a() {}',
        "b.js": "export const b = 1;",
        "unused.js": "export const c = 1;",
    }
    script = join_modules(sources, "app.js")
    assert re.findall(r"// (\S+\.js)$", script, re.MULTILINE) == ["b.js", "views/a.js", "app.js"]
    assert "const {\n  b: other,\n} = $0;" in script
    assert "const b = $0;" in script


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"app.js": 'import { a } from "./a.js";'}, "app.js needs a.js, which does not exist"),
        ({"app.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./app.js";'}, "circle: app.js → a.js"),
        ({"app.js": "export default 1;"}, "app.js: this cannot be put into one script: export default 1;"),
        ({"app.js": 'const a = await import("./a.js");'}, "cannot be put into one script"),
        ({"app.js": "export let a = 1;"}, "cannot be put into one script"),
    ],
)
def test_modules__that_cannot_be_joined_are_refused(sources, words):
    from fraud_monitor.bundle import join_modules

    with pytest.raises(ValueError, match=re.escape(words)):
        join_modules(sources, "app.js")


def test_examples__hold():
    import fraud_monitor.bundle

    assert doctest.testmod(fraud_monitor.bundle).failed == 0
