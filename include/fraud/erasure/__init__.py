"""Deletion of a card's data on request: what is erased (``erased``), where it stands (``files``), the books (``tree``).

A deployment keeps one list of what was erased. Every delivery passes it, so that computing a day again does not bring a
card back; erasing means to take what the list names out of everything that was written before.
"""
