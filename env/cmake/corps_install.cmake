# What is installed: the public headers, the one library, the command, and the package that find_package(corps) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/corps)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/corps/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/corps
        FILES_MATCHING PATTERN "*.hpp" PATTERN internal EXCLUDE)
install(TARGETS corps EXPORT corpsTargets)
install(EXPORT corpsTargets NAMESPACE corps:: DESTINATION ${package_dir})
if(TARGET corps_command)
  install(TARGETS corps_command)
endif()

install(FILES ${PROJECT_SOURCE_DIR}/env/gdb/corps-gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/corps/gdb)

configure_package_config_file(env/cmake/corpsConfig.cmake.in ${PROJECT_BINARY_DIR}/corpsConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/corpsConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/corpsConfig.cmake ${PROJECT_BINARY_DIR}/corpsConfigVersion.cmake env/cmake/FindCAF.cmake
              env/cmake/FindISAL.cmake
        DESTINATION ${package_dir})
