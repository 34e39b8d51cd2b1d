# Where things go. The command looks for the daemon's program in ../libexec/vmstead; the units are for systemd,
# and do nothing until `vmstead setup` enables them (README.md).
include(GNUInstallDirs)

install(TARGETS vmstead RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS vmstead-daemon RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/vmstead)
foreach(unit vmstead.service vmstead-guests.service)
  configure_file(systemd/${unit}.in ${CMAKE_BINARY_DIR}/systemd/${unit} @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/systemd/${unit} DESTINATION lib/systemd/system)
endforeach()
install(FILES systemd/vmstead.socket DESTINATION lib/systemd/system)
