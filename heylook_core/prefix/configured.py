"""Whether the tier that models.yaml asks for can be had: asked before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heylook_core.errors import PluginError

if TYPE_CHECKING:
    from heylook_core.plugins import Plugins
    from heylook_core.settings import Settings
    from heylook_core.yamlfile import YamlFile


def tier_config(settings: Settings, plugins: Plugins, file: YamlFile) -> Any:
    """The tier's own Config, None where no tier is asked for.

    Raises ConfigError, with the line of `file`, for a name that no installed tier has and for a wrong key or value.
    """
    from heylook_core.plugins import PREFIX_TIERS

    wanted = settings.prefix_tier
    if wanted is None:
        return None
    try:
        cls = plugins.load(PREFIX_TIERS, wanted.name)
    except PluginError as error:
        raise file.error("prefix_tier.name", error.message) from None
    return file.convert(wanted.config, cls.Config, "prefix_tier.config")
