# vmstead_guest_program(TARGET): a static program that runs in a guest. It is never instrumented, whatever the
# preset says: the guest has no sanitizer runtime.
function(vmstead_guest_program target)
  foreach(property COMPILE_OPTIONS LINK_OPTIONS)
    get_target_property(options ${target} ${property})
    list(FILTER options EXCLUDE REGEX "fsanitize|fno-omit-frame-pointer|coverage")
    set_target_properties(${target} PROPERTIES ${property} "${options}")
  endforeach()
  target_link_options(${target} PRIVATE -static)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
endfunction()
