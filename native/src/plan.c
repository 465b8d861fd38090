#include "plan.h"

bool plan_makes(const struct plan *plan, enum namespace kind)
{
	for (size_t i = 0; i < plan->namespaces.n_clone; i++)
		if (plan->namespaces.clone[i] == kind)
			return true;
	return kind == NAMESPACE_MNT;
}
