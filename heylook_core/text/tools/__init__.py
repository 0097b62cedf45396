"""Tool calls in the model's text: formats, how a format is chosen, and the stage that reads them."""

from heylook_core.text.tools.format import ToolFormat
from heylook_core.text.tools.stage import ToolStage
from heylook_core.text.tools.table import TOOL_FORMATS, tool_format

__all__ = ["TOOL_FORMATS", "ToolFormat", "ToolStage", "tool_format"]
