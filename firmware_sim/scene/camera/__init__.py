"""How does light become numbers: pointing, optics, silicon, particles, readout?"""
