# What other programs link and include, and how they find it:
#
#   libgpuvigil         C++: GpuMonitor and Server; one shared library with all modules inside
#   libgpuvigil_client  C: reports to a running gpuvigil; see clients/c
#
# find_package(gpuvigil) gives gpuvigil::gpuvigil, gpuvigil::client and gpuvigil::client_static;
# pkg-config knows gpuvigil and gpuvigil-client. All of it may be moved to another place as a whole.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# Everything that gpuvigil_api stands on: modules of ours, and libraries of others.
function(gpuvigil_closure target modules others)
  get_target_property(linked ${target} LINK_LIBRARIES)
  foreach(one IN LISTS linked)
    string(REGEX REPLACE "^gpuvigil::" "gpuvigil_" module "${one}")
    if(NOT module STREQUAL one)
      if(NOT module IN_LIST ${modules})
        list(APPEND ${modules} ${module})
        gpuvigil_closure(${module} ${modules} ${others})
      endif()
    elseif(one MATCHES "^[A-Za-z0-9]+::" AND NOT one IN_LIST ${others})
      list(APPEND ${others} ${one})
    endif()
  endforeach()
  set(${modules} "${${modules}}" PARENT_SCOPE)
  set(${others} "${${others}}" PARENT_SCOPE)
endfunction()
set(sdk_modules gpuvigil_api)
set(sdk_libraries)
gpuvigil_closure(gpuvigil_api sdk_modules sdk_libraries)
list(TRANSFORM sdk_modules REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE sdk_objects)

add_library(gpuvigil_sdk SHARED ${sdk_objects})
add_library(gpuvigil::gpuvigil ALIAS gpuvigil_sdk)
set_target_properties(gpuvigil_sdk PROPERTIES
  OUTPUT_NAME gpuvigil EXPORT_NAME gpuvigil LINKER_LANGUAGE CXX
  # Until 1.0 each minor version is another library.
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/exports.map")
target_compile_features(gpuvigil_sdk INTERFACE cxx_std_17)
target_include_directories(gpuvigil_sdk INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
target_link_libraries(gpuvigil_sdk PRIVATE ${sdk_libraries})
if(NOT GPUVIGIL_SANITIZE)  # a sanitizer's own symbols come with the program
  target_link_options(gpuvigil_sdk PRIVATE -Wl,-z,defs)
endif()
target_link_options(gpuvigil_sdk PRIVATE
  "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map" -Wl,-z,nodelete)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/gpuvigil")
install(TARGETS gpuvigil_sdk gpuvigil_client_shared gpuvigil_client_static EXPORT gpuvigil-targets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/gpuvigil"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(EXPORT gpuvigil-targets NAMESPACE gpuvigil:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/gpuvigil-config.cmake.in"
  "${PROJECT_BINARY_DIR}/gpuvigil-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gpuvigil-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/gpuvigil-config.cmake"
              "${PROJECT_BINARY_DIR}/gpuvigil-config-version.cmake" DESTINATION "${package_dir}")

# From the place of a .pc file to the prefix, whatever the name of the folder for libraries.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
     "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
foreach(package gpuvigil gpuvigil-client)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in"
                 "${PROJECT_BINARY_DIR}/${package}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${package}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
