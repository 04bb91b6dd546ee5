"""What is the payload's computer: memory, its faults and guards, processor, clock?"""
