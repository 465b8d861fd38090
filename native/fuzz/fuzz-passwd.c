/* passwd(5) text from inside a container: any bytes. */
#include "passwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct passwd_entry entry = { 0 };

	if (passwd_find((const char *)data, size, 0, &entry) == 0)
		passwd_clear(&entry);
	return 0;
}
