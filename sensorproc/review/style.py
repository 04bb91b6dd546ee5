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
svg.plot { background: none; max-height: 130px; } svg.plot text { fill: #8b98a5; font-size: 11px; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.cards div { flex: 1 1 160px; background: #1b2027; border-radius: 8px; padding: .8rem 1rem; }
.cards b { display: block; font-size: 1.5rem; color: #35d0ba; } .cards span { color: #8b98a5; font-size: .85rem; }
.cards .failed b { color: #f7768e; }
.keys span { margin-right: 1.1rem; font-size: .85rem; color: #8b98a5; white-space: nowrap; }
.keys i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; white-space: nowrap; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #262c35; }
th { color: #9fb4c7; font-weight: 600; position: sticky; top: 0; background: #14171c; }
"""
