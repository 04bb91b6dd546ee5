"""Does a payload fit a board? Memory, time and link of its frame sets, before anything is rendered or flown."""
