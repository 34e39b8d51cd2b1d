/* `config --resolve-image-digests`: images by digest, so that they are the same everywhere and for
 * ever.
 */
#pragma once

#include "base/error.h"
#include "compose/model.h"

/* Names each service's image as its registry has it now (NAME:TAG@DIGEST), as compose_print() shows
 * it. Registries are asked by skopeo, with its logins, each image once; not for what has a digest
 * already, nor for folders and archives of this host, which stay. -errno with the first failure. */
int config_pin_images(struct model *model, struct error *err);
