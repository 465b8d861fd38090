/* The options of our overlay mounts, always all of them: their defaults depend on how the kernel was built. */
#include "storage.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool storage_name_ok(const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") : 0;

	return n > 0 && n <= STORAGE_MAX_NAME && name[n] == '\0';
}

/*
 * index=off: with index=on, data that a hard link shows is lost when the upper becomes a layer. redirect_dir=on: rename(2) of a
 * directory of a lower layer would be EXDEV. metacopy=off: what a metacopy file in a layer refers to is not told by the layer.
 */
int overlay_options(const struct stack *stack, char **ret)
{
	const char *in = stack->memory ? "/wk" : "";
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out;

	if (stack->n_lowers == 0 || stack->n_lowers + stack->memory > STORAGE_MAX_LOWERS)
		return stack->n_lowers ? -E2BIG : -EINVAL;
	if (stack->memory && !stack->upper)
		return -EINVAL;
	for (size_t i = 0; i < stack->n_lowers; i++)
		if (!storage_name_ok(stack->lowers[i]))
			return -EINVAL;
	if (stack->upper && !storage_name_ok(stack->upper))
		return -EINVAL;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	fputs("redirect_dir=on,index=off,metacopy=off,lowerdir=", out);
	if (stack->memory)
		fprintf(out, "%s/up:", stack->upper);
	for (size_t i = 0; i < stack->n_lowers; i++)
		fprintf(out, "%s%s", i ? ":" : "", stack->lowers[i]);
	if (stack->upper)
		fprintf(out, ",upperdir=%s%s/up,workdir=%s%s/wk", stack->upper, in, stack->upper, in);
	if (stack->upper && stack->volatile_)
		fputs(",volatile", out);
	if (fclose(out) != 0)
		return -ENOMEM;
	if (size >= (size_t)getpagesize()) /* mount(2) would cut them */
		return -E2BIG;
	*ret = steal_ptr(&text);
	return 0;
}
