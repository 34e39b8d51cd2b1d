# Warnings and hardening for everything we compile; -Werror comes from the presets.
# Assertions stay in all presets: a broken invariant must not go on to change the host.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wwrite-strings -Wundef -Wvla -Wimplicit-fallthrough -Wswitch-enum
  # Hidden, or the loader lets our json_array() and others stand in for those of libjansson, which
  # libnftables uses.
  -fvisibility=hidden
  -fstack-protector-strong -fstack-clash-protection -fcf-protection -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wlogical-op -Wduplicated-cond)
endif()

if(VMSTEAD_SANITIZE)
  set(sanitizers address,undefined)
  if(VMSTEAD_FUZZ)
    string(APPEND sanitizers ,fuzzer-no-link)
  endif()
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizers})
else()
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
