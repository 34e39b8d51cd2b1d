# vmstead_library(base SOURCES a.c b.c USES other... LIBRARIES PkgConfig::X...)
#
# One static library per folder, target vmstead_<folder>. Its headers are reached as "<folder>/x.h"
# through a directory that holds nothing but a link to the folder, so that only those who name the
# library in USES can include them. USES are our libraries whose headers appear in this one's
# headers (public), LIBRARIES what only its own code sees (private).
function(vmstead_library folder)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  set(target vmstead_${folder})
  add_library(${target} STATIC ${arg_SOURCES})
  set(door ${CMAKE_BINARY_DIR}/include/${folder})
  file(MAKE_DIRECTORY ${door})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${door}/${folder} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${door})
  list(TRANSFORM arg_USES PREPEND vmstead_)
  target_link_libraries(${target} PUBLIC ${arg_USES} PRIVATE ${arg_LIBRARIES})
endfunction()
