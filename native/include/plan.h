/* What a plan says, read by monitor and stage. */
#pragma once
#include "protocol.gen.h"

/* Whether the container has a namespace of this kind of its own. */
bool plan_makes(const struct plan *plan, enum namespace kind);
