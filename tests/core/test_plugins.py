from __future__ import annotations

import logging
import sys

import pytest

from heylook_core.errors import PluginError
from heylook_core.hookspecs import hookimpl
from heylook_core.plugins import HOOKS, PROVIDERS, SINKS, PluginRow, Plugins

pytestmark = pytest.mark.unit

SINK = """
    from heylook_core.analytics import Sink
    from heylook_core.hookspecs import hookimpl

    class Counter(Sink):
        def __init__(self):
            self.seen = []

        def record(self, record): ...

        @hookimpl
        def server_started(self, urls):
            self.seen.append(urls)
"""

# each must be harmless: (source of the module, part of what its row says)
BROKEN = {
    "imports_what_is_missing": ("import nothing_of_that_name", "ModuleNotFoundError: No module named"),
    "asserts": ("assert False, 'not on this machine'", "AssertionError: not on this machine"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "has_no_such_class": ("x = 1", "AttributeError"),
    "is_a_function": ("def Thing(): ...", "not a class"),
    "is_another_class": ("class Thing: ...", "not a subclass of heylook_core.analytics.Sink"),
    "is_abstract": ("from heylook_core.analytics import Sink\nclass Thing(Sink): ...", "does not define record"),
    "is_no_python": ("def def", "SyntaxError"),
}

BROKEN_HOOKS = {
    "unknown_argument": ("def server_started(urls, colour): ...", "PluginValidationError"),
    "wrapper": ("def server_started(urls): yield", "hook wrapper"),
    "exits": ("def server_started(urls): ...\nraise SystemExit", "SystemExit"),
}


def row(plugins: Plugins, group: str, name: str) -> PluginRow:
    return next(row for row in plugins.rows() if (row.group, row.name) == (group, name))


@pytest.fixture
def counter(site):
    site.install("heylook-counter", "[heylook.sinks]\ncounter = counter_sink:Counter\n", counter_sink=SINK)


def test_a_plugin_is_listed_without_being_imported(counter):
    plugins = Plugins()
    assert row(plugins, SINKS, "counter") == (SINKS, "counter", "heylook-counter", "1.0", "found", "")
    assert "counter" in plugins.names(SINKS)
    assert "counter_sink" not in sys.modules


def test_load_gives_the_class_and_the_row_says_so(counter):
    plugins = Plugins()
    assert plugins.load(SINKS, "counter") is plugins.load(SINKS, "counter")
    assert plugins.load(SINKS, "counter").__name__ == "Counter"
    assert row(plugins, SINKS, "counter").state == "loaded"


def test_two_names_may_point_at_one_class(site):
    site.install("heylook-counter", "[heylook.sinks]\na = two_names:Counter\nb = two_names:Counter\n", two_names=SINK)
    plugins = Plugins()
    assert plugins.load(SINKS, "a") is plugins.load(SINKS, "b")


def test_what_was_installed_a_moment_ago_is_found_at_once(site, counter):
    assert Plugins().load(SINKS, "counter")
    site.install("heylook-later", "[heylook.sinks]\nlater = later_sink:Counter\n", later_sink=SINK)
    assert Plugins().load(SINKS, "later").__module__ == "later_sink"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_class_that_cannot_be_had_is_data_and_a_clear_error(site, counter, kind):
    source, why = BROKEN[kind]
    site.install("heylook-bad", "[heylook.sinks]\nbad = bad_sink:Thing\n", bad_sink=source)
    plugins = Plugins()
    with pytest.raises(PluginError, match=r"The sink 'bad' of heylook-bad 1\.0 cannot be used: ") as caught:
        plugins.load(SINKS, "bad")
    assert why in caught.value.message
    assert row(plugins, SINKS, "bad").state == "failed"
    assert why in row(plugins, SINKS, "bad").error
    assert plugins.load(SINKS, "counter")


def test_a_failed_import_is_not_tried_again(site):
    source = "import builtins\nbuiltins.heylook_tries = getattr(builtins, 'heylook_tries', 0) + 1\nassert False"
    site.install("heylook-bad", "[heylook.sinks]\nbad = tries_sink:Thing\n", tries_sink=source)
    plugins = Plugins()
    for _ in range(3):
        with pytest.raises(PluginError):
            plugins.load(SINKS, "bad")
    import builtins

    assert vars(builtins).pop("heylook_tries") == 1


def test_ctrl_c_during_an_import_is_not_swallowed(site):
    site.install("heylook-slow", "[heylook.sinks]\nslow = slow_sink:Thing\n", slow_sink="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Plugins().load(SINKS, "slow")


def test_of_two_plugins_with_one_name_the_first_on_the_path_wins(site):
    site.install("heylook-second", "[heylook.sinks]\nsame = second_sink:Counter\n", second_sink=SINK)
    site.install("heylook-first", "[heylook.sinks]\nsame = first_sink:Counter\n", first_sink=SINK)
    plugins = Plugins()
    assert plugins.load(SINKS, "same").__module__ == "first_sink"
    states = {row.dist: (row.state, row.error) for row in plugins.rows() if row.name == "same"}
    assert states == {
        "heylook-first": ("loaded", ""),
        "heylook-second": ("shadowed", "by heylook-first 1.0, which has the same name"),
    }


def test_an_entry_points_file_that_cannot_be_read_is_a_row(site, counter):
    site.install("heylook-garbled", "[heylook.sinks]\nno equals sign here\n")
    plugins = Plugins()
    assert "entry_points.txt cannot be read" in row(plugins, HOOKS, "heylook-garbled").error
    assert plugins.load(SINKS, "counter")


def test_a_copy_of_a_distribution_further_back_on_the_path_is_not_a_clash(site, counter, tmp_path, monkeypatch):
    sys.path.append(str(tmp_path / "copy"))
    info = tmp_path / "copy" / "heylook_counter-0.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heylook_counter\nVersion: 0.9\n")
    (info / "entry_points.txt").write_text("[heylook.sinks]\ncounter = elsewhere:Counter\n")
    try:
        assert [row.version for row in Plugins().rows() if row.name == "counter"] == ["1.0"]
    finally:
        sys.path.remove(str(tmp_path / "copy"))


def test_a_missing_backend_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(
        PluginError,
        match=r"No provider is called 'llama_cpp' \(installed: none\); install it with: pip install heylook-gguf",
    ):
        Plugins().load(PROVIDERS, "llama_cpp")


def test_a_missing_stranger_is_answered_with_what_is_installed(counter):
    with pytest.raises(PluginError, match=r"No sink is called 'cuonter' \(installed: counter.*correct the name"):
        Plugins().load(SINKS, "cuonter")


@pytest.mark.parametrize("disabled", ["counter", "heylook.sinks:counter"])
def test_a_disabled_plugin_is_listed_and_never_imported(counter, disabled):
    plugins = Plugins(disabled=(disabled,))
    assert row(plugins, SINKS, "counter").state == "disabled"
    assert "counter" not in plugins.names(SINKS)
    with pytest.raises(PluginError, match=r"'counter' is disabled; take it out of plugins\.disabled"):
        plugins.load(SINKS, "counter")
    plugins.load_all()
    assert "counter_sink" not in sys.modules


def test_disabling_in_one_group_leaves_the_other_groups_alone(counter):
    assert Plugins(disabled=("heylook.providers:counter",)).load(SINKS, "counter")


# ------------------------------------------------------------------ hooks

TELLER = """
    from heylook_core.hookspecs import hookimpl
    told = []

    @hookimpl
    def server_started(urls):
        told.append(urls)

    @hookimpl
    def diagnose():
        return [(__name__, "ok", "It is well.")]
"""


@pytest.fixture
def teller(site):
    entry_points = "[heylook.plugins]\nteller = teller_hooks\n"
    site.install("heylook-teller", entry_points, teller_hooks=TELLER)


def test_modules_of_the_hook_group_are_told(teller):
    plugins = Plugins(only={"teller"})
    plugins.load_hooks()
    plugins.notify("server_started", urls=("http://x",))
    assert sys.modules["teller_hooks"].told == [("http://x",)]
    assert plugins.ask("diagnose") == [[("teller_hooks", "ok", "It is well.")]]


def test_a_class_of_the_hook_group_is_made_once(site):
    source = f"{SINK}\n"
    site.install("heylook-object", "[heylook.plugins]\nobject = object_hooks:Counter\n", object_hooks=source)
    plugins = Plugins(only={"object"})
    plugins.load_hooks()
    plugins.load_hooks()
    plugins.notify("server_started", urls=())
    assert row(plugins, HOOKS, "object") == (HOOKS, "object", "heylook-object", "1.0", "loaded", "")


def test_hook_plugins_answer_in_the_order_of_their_names(site):
    for name in ("b", "c", "a"):
        site.install(f"heylook-{name}", f"[heylook.plugins]\n{name} = order_{name}\n", **{f"order_{name}": TELLER})
    plugins = Plugins(only={"a", "b", "c"})
    plugins.load_hooks()
    assert [answer[0][0] for answer in plugins.ask("diagnose")] == ["order_a", "order_b", "order_c"]


def test_only_limits_which_hook_plugins_are_imported(teller):
    plugins = Plugins(only=())
    plugins.load_hooks()
    assert "teller_hooks" not in sys.modules
    assert row(plugins, HOOKS, "teller").state == "found"


@pytest.mark.parametrize("kind", BROKEN_HOOKS)
def test_a_hook_module_that_is_wrong_leaves_the_others_working(site, teller, caplog, kind):
    source, why = BROKEN_HOOKS[kind]
    mark = "@hookimpl(wrapper=True)" if kind == "wrapper" else "@hookimpl"
    module = f"from heylook_core.hookspecs import hookimpl\n{mark}\n{source}\n"
    site.install("heylook-bad", "[heylook.plugins]\nbad = bad_hooks\n", bad_hooks=module)
    plugins = Plugins(only={"bad", "teller"})
    plugins.load_hooks()
    assert row(plugins, HOOKS, "bad").state == "failed"
    assert why in row(plugins, HOOKS, "bad").error
    assert "The plugin heylook.plugins:bad cannot be used" in caplog.text
    plugins.notify("server_started", urls=())
    assert sys.modules["teller_hooks"].told == [()]


def test_a_misspelt_hook_is_a_warning_with_the_right_name(site, caplog):
    source = """
        from heylook_core.hookspecs import hookimpl

        @hookimpl
        def request_finnished(record): ...

        @hookimpl
        def diagnose():
            return [("spelling", "ok", "Still asked.")]
    """
    site.install("heylook-typo", "[heylook.plugins]\ntypo = typo_hooks\n", typo_hooks=source)
    plugins = Plugins(only={"typo"})
    plugins.load_hooks()
    fault = "there is no hook 'request_finnished'; did you mean request_finished?"
    assert row(plugins, HOOKS, "typo").state == "loaded"
    assert row(plugins, HOOKS, "typo").error == fault
    assert fault in caplog.text
    assert plugins.ask("diagnose") == [[("spelling", "ok", "Still asked.")]]


class Loud:
    """Raises whatever it is given, in every hook that the tests call."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def server_stopping(self) -> None:
        raise self.error

    @hookimpl
    def provide_models(self) -> list:
        raise self.error


class Quiet:
    def __init__(self) -> None:
        self.stopped = 0

    @hookimpl
    def server_stopping(self) -> None:
        self.stopped += 1

    @hookimpl
    def provide_models(self) -> list:
        return [1]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), AssertionError(), RecursionError()], ids=repr)
def test_a_hook_that_raises_stops_nobody_else(error, caplog):
    plugins, before, after = Plugins(), Quiet(), Quiet()
    for name, plugin in (("before", before), ("loud", Loud(error)), ("after", after)):
        assert plugins.add(name, plugin)
    plugins.notify("server_stopping")
    assert (before.stopped, after.stopped) == (1, 1)
    assert plugins.ask("provide_models") == [[1], [1]]
    assert f"plugin loud: server_stopping raised {type(error).__name__}" in caplog.text


def test_a_hook_that_fails_again_is_logged_without_its_traceback(caplog):
    plugins = Plugins()
    plugins.add("loud", Loud(ValueError("no")))
    for _ in range(3):
        plugins.notify("server_stopping")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info is not None for record in errors] == [True, False, False]


def test_ctrl_c_in_a_hook_is_not_swallowed():
    plugins = Plugins()
    plugins.add("loud", Loud(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        plugins.notify("server_stopping")


def test_an_object_made_from_a_plugin_implements_hooks_and_shows_faults_in_its_row(counter):
    plugins = Plugins()
    sink = plugins.load(SINKS, "counter")()
    assert plugins.add("heylook.sinks:counter", sink)
    plugins.notify("server_started", urls=("a",))
    assert sink.seen == [("a",)]
    sink.seen = None
    plugins.notify("server_started", urls=("b",))
    assert "server_started raised AttributeError" in row(plugins, SINKS, "counter").error


def test_an_object_of_the_same_name_replaces_the_former():
    plugins, first, second = Plugins(), Quiet(), Quiet()
    plugins.add("quiet", first)
    plugins.add("quiet", second)
    plugins.notify("server_stopping")
    assert (first.stopped, second.stopped) == (0, 1)
    plugins.remove("quiet")
    plugins.remove("quiet")
    plugins.notify("server_stopping")
    assert second.stopped == 1


def test_an_object_with_a_wrong_hook_is_refused_and_listed():
    class Wrong:
        @hookimpl
        def server_stopping(self, why: str) -> None: ...

    plugins = Plugins()
    assert not plugins.add("wrong", Wrong())
    assert row(plugins, "", "wrong").state == "failed"
    plugins.notify("server_stopping")


def test_load_all_finds_every_failure_and_raises_none(site, teller, counter):
    site.install("heylook-bad", "[heylook.sinks]\nbad = all_sink:Thing\n", all_sink="raise SystemExit(2)")
    plugins = Plugins(only={"teller"})
    plugins.load_all()
    states = {row.name: row.state for row in plugins.rows()}
    assert (states["bad"], states["counter"], states["teller"]) == ("failed", "loaded", "loaded")
