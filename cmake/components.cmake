# whorl_component(<name> USES <component>... LIBRARIES <library>... PKGCONFIG <module>... FIND <package>...)
#
# The installed static library whorl_<name>, alias whorl::<name>, made of the floors of that component, with its public headers,
# its CMake target and its pkg-config file. LIBRARIES is what a program that uses it must link besides.
# A component whose floors are all empty is skipped.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(WHORL_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/whorl")

function(whorl_component name)
  cmake_parse_arguments(PARSE_ARGV 1 component "" "" "USES;LIBRARIES;PKGCONFIG;FIND")
  get_property(floors GLOBAL PROPERTY WHORL_FLOORS_OF_${name})
  set(objects "")
  foreach(floor IN LISTS floors)
    if(TARGET whorl_floor_${floor})
      list(APPEND objects $<TARGET_OBJECTS:whorl_floor_${floor}>)
    endif()
  endforeach()
  if(NOT objects)
    return()
  endif()
  if(name STREQUAL "web")
    list(APPEND objects $<TARGET_OBJECTS:whorl_llhttp>)
  endif()

  set(target whorl_${name})
  add_library(${target} STATIC ${objects})
  add_library(whorl::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
  target_compile_features(${target} PUBLIC cxx_std_23)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PRIVATE ${component_LIBRARIES})
  set(requires ${component_PKGCONFIG})
  foreach(used IN LISTS component_USES)
    if(TARGET whorl_${used})
      target_link_libraries(${target} PUBLIC whorl_${used})
      list(APPEND requires whorl-${used})
    endif()
  endforeach()

  install(TARGETS ${target} EXPORT whorl-${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
  install(EXPORT whorl-${name} NAMESPACE whorl:: DESTINATION ${WHORL_PACKAGE_DIR} COMPONENT ${name})
  foreach(floor IN LISTS floors)
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/whorl/${floor}" COMPONENT ${name}
      DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/whorl" FILES_MATCHING PATTERN "*.h")
  endforeach()

  list(JOIN requires ", " WHORL_PC_REQUIRES)
  set(WHORL_PC_NAME ${name})
  file(RELATIVE_PATH WHORL_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")  # so the installed tree can be moved
  set(WHORL_PC_LIBS "-L\${libdir} -l${target}")
  if("udunits2" IN_LIST component_LIBRARIES)
    string(APPEND WHORL_PC_LIBS " -ludunits2")
  endif()
  if(name STREQUAL "blocking_calls")
    string(PREPEND WHORL_PC_LIBS "-Wl,--undefined=whorl_blocking_calls ")
  endif()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/whorl.pc.in" "${PROJECT_BINARY_DIR}/whorl-${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/whorl-${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ${name})

  string(JOIN " " find ${component_FIND})
  string(JOIN " " uses ${component_USES})
  set_property(GLOBAL APPEND_STRING PROPERTY WHORL_PACKAGE_TABLE
    "set(whorl_${name}_uses ${uses})\nset(whorl_${name}_find ${find})\n")
endfunction()

function(whorl_package)
  get_property(WHORL_PACKAGE_TABLE GLOBAL PROPERTY WHORL_PACKAGE_TABLE)
  set(config "${PROJECT_BINARY_DIR}/whorl-config.cmake")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/whorl-config.cmake.in" "${config}"
    INSTALL_DESTINATION ${WHORL_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/whorl-config-version.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${config}" "${PROJECT_BINARY_DIR}/whorl-config-version.cmake" DESTINATION ${WHORL_PACKAGE_DIR} COMPONENT core)
  if(TARGET whorl)
    install(TARGETS whorl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  endif()
endfunction()
