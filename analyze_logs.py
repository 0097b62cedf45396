from heylook_core.cli import main

raise SystemExit(main(["analytics", "report"]))
