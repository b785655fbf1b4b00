/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading a module, as root does it without modprobe. Calls return 0 or
 * an error number.
 */
#ifndef MODULE_UTIL_H
#define MODULE_UTIL_H

int module_open(const char *name);

int module_load(const char *name, const char *parameters);

int module_unload(const char *name);

#endif /* MODULE_UTIL_H */
