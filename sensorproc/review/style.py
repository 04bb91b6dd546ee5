"""The look of the report."""

STYLE = """
:root { color-scheme: dark; }
body { margin: 2rem auto; max-width: 1240px; padding: 0 1rem; background: #14171c; color: #d8dee6;
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; color: #9fb4c7; }
.lead { font-size: 1.05rem; } .note { color: #8b98a5; font-size: .9rem; }
svg { width: 100%; height: auto; background: #0b0d10; border-radius: 6px; }
svg text { font: 13px system-ui, sans-serif; } svg.bars { max-width: 700px; background: none; }
svg.bars rect { fill: #35d0ba; } svg.bars text { fill: #8b98a5; font-size: 12px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; white-space: nowrap; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #262c35; }
th { color: #9fb4c7; font-weight: 600; position: sticky; top: 0; background: #14171c; }
"""
