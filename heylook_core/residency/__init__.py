"""Which models are in memory, and what each may take of it."""

from heylook_core.residency.estimates import estimated
from heylook_core.residency.loads import ChannelOf, EstimateOf
from heylook_core.residency.residency import Residency
from heylook_core.residency.resident import ModelState, Resident, State, state_of

__all__ = ["ChannelOf", "EstimateOf", "ModelState", "Residency", "Resident", "State", "estimated", "state_of"]
